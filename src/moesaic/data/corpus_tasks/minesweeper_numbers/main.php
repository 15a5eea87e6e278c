<?php

declare(strict_types=1);

function countMines(array $field, int $row, int $column): int
{
    $mines = 0;
    $left = max(0, $column - 1);
    for ($i = $row - 1; $i <= $row + 1; $i++) {
        $squares = substr($field[$i] ?? '', $left, $column + 2 - $left);
        $mines += substr_count($squares, '*');
    }
    return $mines;
}

function minesweeperNumbers(array $field): array
{
    $numbers = $field;
    foreach ($field as $row => $squares) {
        foreach (str_split($squares) as $column => $square) {
            if ($square === '.') {
                $numbers[$row][$column] = (string) countMines($field, $row, $column);
            }
        }
    }
    return $numbers;
}

$lines = file('php://stdin', FILE_IGNORE_NEW_LINES);
array_shift($lines);
echo implode(PHP_EOL, minesweeperNumbers($lines)), PHP_EOL;
