<?php

declare(strict_types=1);

function rotateMatrix(array $matrix): array
{
    $turned = [];
    foreach (array_reverse($matrix) as $row) {
        foreach ($row as $column => $number) {
            $turned[$column][] = $number;
        }
    }
    return $turned;
}

$lines = file('php://stdin', FILE_IGNORE_NEW_LINES);
$matrix = array_map(fn (string $line): array => explode(' ', $line), array_slice($lines, 1));
foreach (rotateMatrix($matrix) as $row) {
    echo implode(' ', $row), PHP_EOL;
}
