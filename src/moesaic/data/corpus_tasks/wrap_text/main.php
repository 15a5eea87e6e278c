<?php

declare(strict_types=1);

function wrapText(string $text, int $width): array
{
    $lines = [];
    $line = '';
    foreach (explode(' ', $text) as $word) {
        $longer = $line === '' ? $word : "$line $word";
        if (strlen($longer) > $width) {
            $lines[] = $line;
            $longer = $word;
        }
        $line = $longer;
    }
    return [...$lines, $line];
}

$width = (int) fgets(STDIN);
$text = trim(fgets(STDIN));
echo implode(PHP_EOL, wrapText($text, $width)), PHP_EOL;
