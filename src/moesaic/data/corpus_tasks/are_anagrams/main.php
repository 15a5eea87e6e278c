<?php

declare(strict_types=1);

function sortedLetters(string $word): array
{
    $letters = str_split($word);
    sort($letters);
    return $letters;
}

function areAnagrams(string $first, string $second): bool
{
    return sortedLetters($first) === sortedLetters($second);
}

$first = trim(fgets(STDIN));
$second = trim(fgets(STDIN));
echo areAnagrams($first, $second) ? 'yes' : 'no', PHP_EOL;
