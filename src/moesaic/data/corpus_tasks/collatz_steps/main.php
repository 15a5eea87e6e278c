<?php

declare(strict_types=1);

function collatzSteps(int $number): int
{
    $steps = 0;
    while ($number !== 1) {
        $number = $number % 2 === 0 ? intdiv($number, 2) : 3 * $number + 1;
        $steps++;
    }
    return $steps;
}

$number = (int) fgets(STDIN);
echo collatzSteps($number), PHP_EOL;
