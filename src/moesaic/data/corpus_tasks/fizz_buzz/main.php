<?php

declare(strict_types=1);

function fizzBuzz(int $number): string
{
    return match (true) {
        $number % 15 === 0 => 'FizzBuzz',
        $number % 3 === 0 => 'Fizz',
        $number % 5 === 0 => 'Buzz',
        default => (string) $number,
    };
}

$n = (int) fgets(STDIN);
for ($number = 1; $number <= $n; $number++) {
    echo fizzBuzz($number), PHP_EOL;
}
