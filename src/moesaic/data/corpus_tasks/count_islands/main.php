<?php

declare(strict_types=1);

function visit(array &$map, int $row, int $column): void
{
    if (($map[$row][$column] ?? '.') !== '#') {
        return;
    }
    $map[$row][$column] = '.';
    visit($map, $row - 1, $column);
    visit($map, $row + 1, $column);
    visit($map, $row, $column - 1);
    visit($map, $row, $column + 1);
}

function countIslands(array $map): int
{
    $islands = 0;
    foreach ($map as $row => $cells) {
        foreach (array_keys($cells) as $column) {
            if ($map[$row][$column] === '#') {
                $islands++;
                visit($map, $row, $column);
            }
        }
    }
    return $islands;
}

$map = array_map(str_split(...), file('php://stdin', FILE_IGNORE_NEW_LINES));
echo countIslands($map), PHP_EOL;
