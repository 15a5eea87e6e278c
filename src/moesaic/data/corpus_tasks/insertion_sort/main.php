<?php

declare(strict_types=1);

function insertionSort(array $numbers): array
{
    foreach ($numbers as $gap => $number) {
        while ($gap > 0 && $numbers[$gap - 1] < $number) {
            $numbers[$gap] = $numbers[$gap - 1];
            $gap--;
        }
        $numbers[$gap] = $number;
    }
    return $numbers;
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(PHP_EOL, insertionSort($numbers)), PHP_EOL;
