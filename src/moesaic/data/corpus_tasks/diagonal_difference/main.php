<?php

declare(strict_types=1);

function diagonalDifference(array $matrix): int
{
    $last = count($matrix) - 1;
    $difference = 0;
    foreach ($matrix as $i => $row) {
        $difference += $row[$i] - $row[$last - $i];
    }
    return abs($difference);
}

$size = (int) fgets(STDIN);
$matrix = [];
for ($i = 0; $i < $size; $i++) {
    $matrix[] = array_map(intval(...), explode(' ', fgets(STDIN)));
}
echo diagonalDifference($matrix), PHP_EOL;
