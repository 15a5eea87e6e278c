<?php

declare(strict_types=1);

function pairsWithSum(array $numbers, int $target): int
{
    $pairs = 0;
    foreach ($numbers as $i => $first) {
        foreach (array_slice($numbers, $i + 1) as $second) {
            if ($first + $second === $target) {
                $pairs++;
            }
        }
    }
    return $pairs;
}

$target = (int) fgets(STDIN);
$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo pairsWithSum($numbers, $target), PHP_EOL;
