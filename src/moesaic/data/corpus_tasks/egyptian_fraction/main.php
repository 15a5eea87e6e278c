<?php

declare(strict_types=1);

function egyptianFraction(int $numerator, int $denominator): array
{
    $parts = [];
    while ($numerator > 0) {
        $part = intdiv($denominator + $numerator - 1, $numerator);
        $parts[] = $part;
        $numerator = $numerator * $part - $denominator;
        $denominator *= $part;
    }
    return $parts;
}

[$numerator, $denominator] = fscanf(STDIN, '%d %d');
echo implode(' ', egyptianFraction($numerator, $denominator)), PHP_EOL;
