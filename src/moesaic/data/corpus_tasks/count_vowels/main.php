<?php

declare(strict_types=1);

function countVowels(string $text): int
{
    $count = 0;
    foreach (str_split(strtolower($text)) as $letter) {
        if (str_contains('aeiou', $letter)) {
            $count++;
        }
    }
    return $count;
}

$text = fgets(STDIN);
echo countVowels($text), PHP_EOL;
