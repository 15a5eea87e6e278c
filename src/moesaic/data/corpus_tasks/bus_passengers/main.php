<?php

declare(strict_types=1);

function busPassengers(int $seats, iterable $stops): int
{
    $passengers = 0;
    $leftBehind = 0;
    foreach ($stops as [$off, $waiting]) {
        $passengers -= $off;
        $on = min($waiting, $seats - $passengers);
        $passengers += $on;
        $leftBehind += $waiting - $on;
        echo $passengers, PHP_EOL;
    }
    return $leftBehind;
}

function readStops(): Generator
{
    while ($stop = fscanf(STDIN, '%d %d')) {
        yield $stop;
    }
}

[$seats] = fscanf(STDIN, '%d');
echo busPassengers($seats, readStops()), PHP_EOL;
