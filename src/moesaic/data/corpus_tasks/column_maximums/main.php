<?php

declare(strict_types=1);

function columnMaximums(array $matrix): array
{
    $maximums = array_shift($matrix);
    foreach ($matrix as $row) {
        $maximums = array_map(max(...), $maximums, $row);
    }
    return $maximums;
}

$matrix = [];
foreach (array_slice(file('php://stdin'), 1) as $line) {
    $matrix[] = array_map(intval(...), explode(' ', $line));
}
echo implode(' ', columnMaximums($matrix)), PHP_EOL;
