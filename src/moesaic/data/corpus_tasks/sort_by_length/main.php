<?php

declare(strict_types=1);

function sortByLength(array $words): array
{
    $compare = fn (string $a, string $b): int => strlen($a) <=> strlen($b) ?: strcmp($a, $b);
    usort($words, $compare);
    return $words;
}

$words = explode(' ', trim(fgets(STDIN)));
echo implode(PHP_EOL, sortByLength($words)), PHP_EOL;
