<?php

declare(strict_types=1);

function transposeMatrix(array $matrix): array
{
    $columns = array_keys($matrix[0]);
    return array_map(fn (int $column): array => array_column($matrix, $column), $columns);
}

[$rows] = fscanf(STDIN, '%d %d');
$matrix = [];
for ($i = 0; $i < $rows; $i++) {
    $matrix[] = explode(' ', trim(fgets(STDIN)));
}
foreach (transposeMatrix($matrix) as $row) {
    echo implode(' ', $row), PHP_EOL;
}
