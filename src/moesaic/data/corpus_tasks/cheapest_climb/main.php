<?php

declare(strict_types=1);

function cheapestClimb(array $costs): int
{
    $beforeLast = $last = 0;
    foreach ($costs as $cost) {
        [$beforeLast, $last] = [$last, $cost + min($beforeLast, $last)];
    }
    return min($beforeLast, $last);
}

$costs = array_map(intval(...), explode(' ', fgets(STDIN)));
echo cheapestClimb($costs), PHP_EOL;
