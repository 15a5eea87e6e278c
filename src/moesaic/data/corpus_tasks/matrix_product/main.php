<?php

declare(strict_types=1);

function dotProduct(array $row, array $column): int
{
    return array_sum(array_map(fn (int $a, int $b): int => $a * $b, $row, $column));
}

function matrixProduct(array $first, array $second): array
{
    $product = [];
    foreach ($first as $i => $row) {
        foreach (array_keys($row) as $j) {
            $product[$i][$j] = dotProduct($row, array_column($second, $j));
        }
    }
    return $product;
}

function readMatrix(int $size): array
{
    $matrix = [];
    while (count($matrix) < $size) {
        $matrix[] = array_map(intval(...), explode(' ', fgets(STDIN)));
    }
    return $matrix;
}

$size = (int) fgets(STDIN);
foreach (matrixProduct(readMatrix($size), readMatrix($size)) as $row) {
    echo implode(' ', $row), PHP_EOL;
}
