<?php

declare(strict_types=1);

function subsetWithSum(array $weights, int $target): bool
{
    if ($target === 0) {
        return true;
    }
    if ($target < 0 || $weights === []) {
        return false;
    }
    $first = array_shift($weights);
    return subsetWithSum($weights, $target) || subsetWithSum($weights, $target - $first);
}

$target = (int) fgets(STDIN);
$weights = array_map(intval(...), explode(' ', fgets(STDIN)));
echo subsetWithSum($weights, $target) ? 'yes' : 'no', PHP_EOL;
