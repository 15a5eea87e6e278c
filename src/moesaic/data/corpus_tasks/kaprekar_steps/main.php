<?php

declare(strict_types=1);

const GOAL = 6174;

function kaprekarSteps(int $number): int
{
    $steps = 0;
    while ($number !== GOAL) {
        $digits = str_split(sprintf('%04d', $number));
        sort($digits);
        $ascending = implode('', $digits);
        $number = (int) strrev($ascending) - (int) $ascending;
        $steps++;
    }
    return $steps;
}

echo kaprekarSteps((int) fgets(STDIN)), PHP_EOL;
