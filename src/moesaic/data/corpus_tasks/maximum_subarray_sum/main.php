<?php

declare(strict_types=1);

function maximumSubarraySum(array $numbers): int
{
    $best = $current = array_shift($numbers);
    foreach ($numbers as $number) {
        $current = max($current + $number, $number);
        $best = max($best, $current);
    }
    return $best;
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo maximumSubarraySum($numbers), PHP_EOL;
