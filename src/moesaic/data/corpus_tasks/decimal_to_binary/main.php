<?php

declare(strict_types=1);

function decimalToBinary(int $number): string
{
    if ($number === 0) {
        return '0';
    }
    $digits = '';
    while ($number > 0) {
        $digits = $number % 2 . $digits;
        $number = intdiv($number, 2);
    }
    return $digits;
}

$number = (int) fgets(STDIN);
echo decimalToBinary($number), PHP_EOL;
