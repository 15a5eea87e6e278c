<?php

declare(strict_types=1);

const SMALL_WORDS = ['and', 'of', 'the'];

function acronymOfPhrase(string $phrase): string
{
    $words = array_diff(explode(' ', strtolower($phrase)), SMALL_WORDS);
    $initials = array_map(fn (string $word): string => $word[0], $words);
    return strtoupper(implode('', $initials));
}

$phrase = trim(fgets(STDIN));
echo acronymOfPhrase($phrase), PHP_EOL;
