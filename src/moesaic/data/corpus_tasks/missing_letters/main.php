<?php

declare(strict_types=1);

function missingLetters(string $text): string
{
    $letters = str_split(strtolower($text));
    return implode('', array_diff(range('a', 'z'), $letters));
}

$missing = missingLetters(fgets(STDIN));
echo $missing === '' ? 'pangram' : $missing, PHP_EOL;
