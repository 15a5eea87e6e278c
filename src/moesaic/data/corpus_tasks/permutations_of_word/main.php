<?php

declare(strict_types=1);

function permutationsOfWord(array $letters): Generator
{
    if ($letters === []) {
        yield '';
    }
    foreach (array_unique($letters) as $index => $first) {
        $others = $letters;
        unset($others[$index]);
        foreach (permutationsOfWord($others) as $order) {
            yield $first . $order;
        }
    }
}

$letters = str_split(trim(fgets(STDIN)));
sort($letters);
foreach (permutationsOfWord($letters) as $order) {
    echo $order, PHP_EOL;
}
