<?php

declare(strict_types=1);

function bubbleSort(array $numbers): array
{
    for ($last = count($numbers) - 1; $last > 0; $last--) {
        for ($i = 0; $i < $last; $i++) {
            if ($numbers[$i] > $numbers[$i + 1]) {
                [$numbers[$i], $numbers[$i + 1]] = [$numbers[$i + 1], $numbers[$i]];
            }
        }
    }
    return $numbers;
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(PHP_EOL, bubbleSort($numbers)), PHP_EOL;
