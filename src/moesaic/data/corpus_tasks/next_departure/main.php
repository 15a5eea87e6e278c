<?php

declare(strict_types=1);

function gcd(int $a, int $b): int
{
    return $b === 0 ? $a : gcd($b, $a % $b);
}

function lcm(int $a, int $b): int
{
    return intdiv($a, gcd($a, $b)) * $b;
}

function nextDeparture(array $intervals): string
{
    $minutes = 8 * 60 + array_reduce($intervals, lcm(...), 1);
    return sprintf('%02d:%02d', intdiv($minutes, 60) % 24, $minutes % 60);
}

$intervals = array_map(intval(...), explode(' ', fgets(STDIN)));
echo nextDeparture($intervals), PHP_EOL;
