<?php

declare(strict_types=1);

function sumOfDigits(int $number): int
{
    $total = 0;
    while ($number > 0) {
        $total += $number % 10;
        $number = intdiv($number, 10);
    }
    return $total;
}

$number = (int) fgets(STDIN);
echo sumOfDigits($number), PHP_EOL;
