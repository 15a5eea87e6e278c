<?php

declare(strict_types=1);

function binarySearch(array $numbers, int $target): int
{
    $low = 0;
    $high = count($numbers) - 1;
    while ($low <= $high) {
        $middle = intdiv($low + $high, 2);
        if ($numbers[$middle] === $target) {
            return $middle;
        }
        if ($numbers[$middle] < $target) {
            $low = $middle + 1;
        } else {
            $high = $middle - 1;
        }
    }
    return -1;
}

$target = (int) fgets(STDIN);
$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo binarySearch($numbers, $target), PHP_EOL;
