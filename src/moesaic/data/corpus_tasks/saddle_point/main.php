<?php

declare(strict_types=1);

function saddlePoint(array $matrix): ?array
{
    foreach ($matrix as $i => $row) {
        foreach ($row as $j => $number) {
            if ($number === min($row) && $number === max(array_column($matrix, $j))) {
                return [$i + 1, $j + 1];
            }
        }
    }
    return null;
}

[$rows] = fscanf(STDIN, '%d %d');
$matrix = [];
for ($i = 0; $i < $rows; $i++) {
    $matrix[] = array_map(intval(...), explode(' ', fgets(STDIN)));
}
echo implode(' ', saddlePoint($matrix) ?? ['none']), PHP_EOL;
