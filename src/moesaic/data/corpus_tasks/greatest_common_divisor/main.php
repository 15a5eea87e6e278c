<?php

declare(strict_types=1);

function greatestCommonDivisor(int $first, int $second): int
{
    while ($second !== 0) {
        [$first, $second] = [$second, $first % $second];
    }
    return $first;
}

[$first, $second] = fscanf(STDIN, '%d %d');
echo greatestCommonDivisor($first, $second), PHP_EOL;
