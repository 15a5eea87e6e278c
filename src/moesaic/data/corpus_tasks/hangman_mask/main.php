<?php

declare(strict_types=1);

function hangmanMask(string $word, string $guesses): string
{
    foreach (str_split($word) as $index => $letter) {
        if (!str_contains($guesses, $letter)) {
            $word[$index] = '_';
        }
    }
    return $word;
}

$word = trim(fgets(STDIN));
$guesses = trim(fgets(STDIN));
$wrong = array_diff(str_split($guesses), str_split($word));
echo hangmanMask($word, $guesses), PHP_EOL;
echo count($wrong), PHP_EOL;
