<?php

declare(strict_types=1);

function lowerBound(array $numbers, int $limit): int
{
    $low = 0;
    $high = count($numbers);
    while ($low < $high) {
        $middle = ($low + $high) >> 1;
        if ($numbers[$middle] < $limit) {
            $low = $middle + 1;
        } else {
            $high = $middle;
        }
    }
    return $low;
}

function firstAndLastPosition(array $numbers, int $target): ?array
{
    $first = lowerBound($numbers, $target);
    $end = lowerBound($numbers, $target + 1);
    return $first < $end ? [$first + 1, $end] : null;
}

$target = (int) fgets(STDIN);
$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
$positions = firstAndLastPosition($numbers, $target);
echo $positions === null ? 'absent' : implode(' ', $positions), PHP_EOL;
