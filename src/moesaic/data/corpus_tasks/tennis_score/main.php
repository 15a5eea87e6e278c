<?php

declare(strict_types=1);

const CALLS = [0, 15, 30, 40];

function tennisScore(string $points): string
{
    $a = substr_count($points, 'A');
    $b = substr_count($points, 'B');
    $leader = $a > $b ? 'A' : 'B';
    return match (true) {
        max($a, $b) > 3 && abs($a - $b) > 1 => "game $leader",
        min($a, $b) < 3 => CALLS[$a] . '-' . CALLS[$b],
        $a === $b => 'deuce',
        default => "advantage $leader",
    };
}

$points = trim(fgets(STDIN));
echo tennisScore($points), PHP_EOL;
