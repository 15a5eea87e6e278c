<?php

declare(strict_types=1);

function isPrime(int $number): bool
{
    for ($divisor = 2; $divisor * $divisor <= $number; $divisor++) {
        if ($number % $divisor === 0) {
            return false;
        }
    }
    return true;
}

function goldbachPair(int $number): array
{
    $first = 2;
    while (!isPrime($first) || !isPrime($number - $first)) {
        $first++;
    }
    return [$first, $number - $first];
}

$number = (int) fgets(STDIN);
echo implode(' ', goldbachPair($number)), PHP_EOL;
