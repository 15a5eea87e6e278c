<?php

declare(strict_types=1);

const NUMERALS = [
    'M' => 1000, 'CM' => 900, 'D' => 500, 'CD' => 400, 'C' => 100, 'XC' => 90,
    'L' => 50, 'XL' => 40, 'X' => 10, 'IX' => 9, 'V' => 5, 'IV' => 4, 'I' => 1,
];

function romanNumeral(int $number): string
{
    $numeral = '';
    foreach (NUMERALS as $symbol => $value) {
        $numeral .= str_repeat($symbol, intdiv($number, $value));
        $number %= $value;
    }
    return $numeral;
}

$number = (int) fgets(STDIN);
echo romanNumeral($number), PHP_EOL;
