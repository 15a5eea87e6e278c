<?php

declare(strict_types=1);

function reverseWords(string $text): string
{
    $words = explode(' ', $text);
    return implode(' ', array_reverse($words));
}

$text = trim(fgets(STDIN));
echo reverseWords($text), PHP_EOL;
