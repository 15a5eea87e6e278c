<?php

declare(strict_types=1);

function findNetwork(array $networks, int $house): int
{
    while ($networks[$house] !== $house) {
        $house = $networks[$house];
    }
    return $house;
}

function cableLength(int $houses, array $cables): int
{
    usort($cables, fn (array $a, array $b): int => $a[2] <=> $b[2]);
    $networks = range(0, $houses);
    $total = 0;
    foreach ($cables as [$first, $second, $length]) {
        $first = findNetwork($networks, $first);
        $second = findNetwork($networks, $second);
        if ($first !== $second) {
            $networks[$first] = $second;
            $total += $length;
        }
    }
    return $total;
}

$lines = file('php://stdin');
$houses = (int) array_shift($lines);
$cables = array_map(fn (string $line): array => sscanf($line, '%d %d %d'), $lines);
echo cableLength($houses, $cables), PHP_EOL;
