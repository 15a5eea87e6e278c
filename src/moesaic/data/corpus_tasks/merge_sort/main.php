<?php

declare(strict_types=1);

function merge(array $left, array $right): array
{
    $merged = [];
    while ($left !== [] && $right !== []) {
        $merged[] = $left[0] <= $right[0] ? array_shift($left) : array_shift($right);
    }
    return [...$merged, ...$left, ...$right];
}

function mergeSort(array $numbers): array
{
    if (count($numbers) < 2) {
        return $numbers;
    }
    $middle = intdiv(count($numbers), 2);
    $left = array_slice($numbers, 0, $middle);
    $right = array_slice($numbers, $middle);
    return merge(mergeSort($left), mergeSort($right));
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(' ', mergeSort($numbers)), PHP_EOL;
