<?php

declare(strict_types=1);

function risingDays(array $prices): int
{
    $longest = $period = 1;
    for ($day = 1; $day < count($prices); $day++) {
        $period = $prices[$day] > $prices[$day - 1] ? $period + 1 : 1;
        $longest = max($longest, $period);
    }
    return $longest;
}

$prices = array_map(intval(...), explode(' ', fgets(STDIN)));
echo risingDays($prices), PHP_EOL;
