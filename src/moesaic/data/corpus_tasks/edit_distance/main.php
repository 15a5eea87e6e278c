<?php

declare(strict_types=1);

function editDistance(string $first, string $second): int
{
    $distances = range(0, strlen($second));
    foreach (str_split($first) as $i => $letter) {
        $row = [$i + 1];
        foreach (str_split($second) as $j => $other) {
            if ($letter === $other) {
                $row[] = $distances[$j];
            } else {
                $row[] = 1 + min($distances[$j], $distances[$j + 1], $row[$j]);
            }
        }
        $distances = $row;
    }
    return end($distances);
}

$first = trim(fgets(STDIN));
$second = trim(fgets(STDIN));
echo editDistance($first, $second), PHP_EOL;
