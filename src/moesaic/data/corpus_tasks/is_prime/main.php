<?php

declare(strict_types=1);

function isPrime(int $number): bool
{
    for ($divisor = 2; $divisor <= sqrt($number); $divisor++) {
        if ($number % $divisor === 0) {
            return false;
        }
    }
    return $number >= 2;
}

$number = (int) fgets(STDIN);
echo isPrime($number) ? 'yes' : 'no', PHP_EOL;
