<?php

declare(strict_types=1);

const MOVES = ['U' => [0, 1], 'D' => [0, -1], 'R' => [1, 0], 'L' => [-1, 0]];

function robotPosition(string $moves): array
{
    $x = $y = 0;
    foreach (str_split($moves) as $move) {
        $x += MOVES[$move][0];
        $y += MOVES[$move][1];
    }
    return [$x, $y];
}

[$x, $y] = robotPosition(trim(fgets(STDIN)));
echo "$x $y", PHP_EOL;
