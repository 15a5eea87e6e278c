<?php

declare(strict_types=1);

function countGridPaths(array $grid): int
{
    $paths = [1];
    foreach ($grid as $row) {
        foreach (str_split($row) as $column => $cell) {
            if ($cell === '#') {
                $paths[$column] = 0;
            } else {
                $paths[$column] = ($paths[$column] ?? 0) + ($paths[$column - 1] ?? 0);
            }
        }
    }
    return end($paths);
}

$grid = file('php://stdin', FILE_IGNORE_NEW_LINES);
echo countGridPaths($grid), PHP_EOL;
