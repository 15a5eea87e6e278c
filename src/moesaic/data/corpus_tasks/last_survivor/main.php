<?php

declare(strict_types=1);

function lastSurvivor(int $children, int $k): array
{
    $circle = range(1, $children);
    $order = [];
    $place = 0;
    while ($circle !== []) {
        $place = ($place + $k - 1) % count($circle);
        array_push($order, ...array_splice($circle, $place, 1));
    }
    return $order;
}

[$children, $k] = fscanf(STDIN, '%d %d');
echo implode(' ', lastSurvivor($children, $k)), PHP_EOL;
