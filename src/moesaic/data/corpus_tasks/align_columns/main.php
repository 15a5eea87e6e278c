<?php

declare(strict_types=1);

function formatRow(array $cells, array $widths): string
{
    $padded = array_map(str_pad(...), $cells, $widths);
    return '| ' . implode(' | ', $padded) . ' |';
}

function alignColumns(array $rows): array
{
    $widths = [];
    foreach ($rows as $cells) {
        foreach ($cells as $column => $cell) {
            $widths[$column] = max($widths[$column] ?? 0, strlen($cell));
        }
    }
    return array_map(fn (array $cells): string => formatRow($cells, $widths), $rows);
}

$lines = file('php://stdin', FILE_IGNORE_NEW_LINES);
$rows = array_map(fn (string $line): array => explode(',', $line), $lines);
echo implode(PHP_EOL, alignColumns($rows)), PHP_EOL;
