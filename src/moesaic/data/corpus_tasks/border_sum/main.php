<?php

declare(strict_types=1);

function borderSum(array $matrix): int
{
    $sum = array_sum(array_map(array_sum(...), $matrix));
    foreach (array_slice($matrix, 1, -1) as $row) {
        $sum -= array_sum(array_slice($row, 1, -1));
    }
    return $sum;
}

[$rows] = fscanf(STDIN, '%d %d');
$matrix = [];
for ($i = 0; $i < $rows; $i++) {
    $matrix[] = array_map(intval(...), explode(' ', fgets(STDIN)));
}
echo borderSum($matrix), PHP_EOL;
