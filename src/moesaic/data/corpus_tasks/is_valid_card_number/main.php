<?php

declare(strict_types=1);

function isValidCardNumber(string $number): bool
{
    $digits = strrev(str_replace(' ', '', $number));
    $sum = 0;
    foreach (str_split($digits) as $index => $digit) {
        $value = $index % 2 === 0 ? (int) $digit : 2 * $digit;
        $sum += $value > 9 ? $value - 9 : $value;
    }
    return $sum % 10 === 0;
}

$number = trim(fgets(STDIN));
echo isValidCardNumber($number) ? 'yes' : 'no', PHP_EOL;
