<?php

declare(strict_types=1);

function isPalindrome(string $text): bool
{
    $text = strtolower($text);
    return $text === strrev($text);
}

$text = rtrim(fgets(STDIN), "\n");
echo isPalindrome($text) ? 'yes' : 'no', PHP_EOL;
