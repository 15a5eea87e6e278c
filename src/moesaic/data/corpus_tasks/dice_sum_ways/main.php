<?php

declare(strict_types=1);

function diceSumWays(int $dice, int $total): int
{
    $ways = [1];
    for ($thrown = 0; $thrown < $dice; $thrown++) {
        $following = [];
        foreach ($ways as $points => $count) {
            foreach (range(1, 6) as $face) {
                $following[$points + $face] ??= 0;
                $following[$points + $face] += $count;
            }
        }
        $ways = $following;
    }
    return $ways[$total] ?? 0;
}

[$dice, $total] = fscanf(STDIN, '%d %d');
echo diceSumWays($dice, $total), PHP_EOL;
