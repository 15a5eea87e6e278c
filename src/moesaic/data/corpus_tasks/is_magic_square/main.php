<?php

declare(strict_types=1);

function isMagicSquare(array $square): bool
{
    $size = count($square);
    $main = $other = 0;
    $sums = [];
    for ($i = 0; $i < $size; $i++) {
        $sums[] = array_sum($square[$i]);
        $sums[] = array_sum(array_column($square, $i));
        $main += $square[$i][$i];
        $other += $square[$i][$size - 1 - $i];
    }
    return count(array_unique([...$sums, $main, $other])) === 1;
}

$lines = file('php://stdin');
$square = [];
for ($i = 1; $i <= (int) $lines[0]; $i++) {
    $square[] = array_map(intval(...), explode(' ', $lines[$i]));
}
echo isMagicSquare($square) ? 'yes' : 'no', PHP_EOL;
