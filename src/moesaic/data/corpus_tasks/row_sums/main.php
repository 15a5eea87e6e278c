<?php

declare(strict_types=1);

function rowSums(array $matrix): array
{
    return array_map(array_sum(...), $matrix);
}

[$rows, $columns] = fscanf(STDIN, '%d %d');
$matrix = [];
for ($i = 0; $i < $rows; $i++) {
    $matrix[] = explode(' ', fgets(STDIN));
}
echo implode(PHP_EOL, rowSums($matrix)), PHP_EOL;
