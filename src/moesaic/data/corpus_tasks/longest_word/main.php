<?php

declare(strict_types=1);

function longestWord(string $text): string
{
    $longest = '';
    foreach (explode(' ', $text) as $word) {
        if (strlen($word) > strlen($longest)) {
            $longest = $word;
        }
    }
    return $longest;
}

$text = trim(fgets(STDIN));
echo longestWord($text), PHP_EOL;
