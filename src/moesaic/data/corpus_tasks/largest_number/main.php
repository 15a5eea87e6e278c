<?php

declare(strict_types=1);

function largestNumber(array $numbers): int
{
    $largest = $numbers[0];
    foreach ($numbers as $number) {
        if ($number > $largest) {
            $largest = $number;
        }
    }
    return $largest;
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo largestNumber($numbers), PHP_EOL;
