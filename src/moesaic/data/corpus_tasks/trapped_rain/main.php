<?php

declare(strict_types=1);

function trappedRain(array $walls): int
{
    $water = 0;
    foreach ($walls as $i => $height) {
        $left = max(array_slice($walls, 0, $i + 1));
        $right = max(array_slice($walls, $i));
        $water += min($left, $right) - $height;
    }
    return $water;
}

$walls = array_map(intval(...), explode(' ', fgets(STDIN)));
echo trappedRain($walls), PHP_EOL;
