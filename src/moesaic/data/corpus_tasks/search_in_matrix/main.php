<?php

declare(strict_types=1);

function searchInMatrix(array $matrix, int $target): ?array
{
    $row = 0;
    $column = count($matrix[0]) - 1;
    while (isset($matrix[$row][$column])) {
        if ($matrix[$row][$column] === $target) {
            return [$row + 1, $column + 1];
        }
        if ($matrix[$row][$column] > $target) {
            $column--;
        } else {
            $row++;
        }
    }
    return null;
}

$target = (int) fgets(STDIN);
[$rows] = fscanf(STDIN, '%d %d');
$matrix = [];
while (count($matrix) < $rows) {
    $matrix[] = array_map(intval(...), explode(' ', fgets(STDIN)));
}
$place = searchInMatrix($matrix, $target);
echo $place === null ? 'absent' : implode(' ', $place), PHP_EOL;
